// A saturating MAC: four products a clock, a tree that narrows, an accumulator, an output register.
//
//     pairs, 16 bits saturating; their sum, 17 bits; >> 3, ties up, 13 bits saturating;
//     accumulator, 20 bits saturating, from `bias`; q: >> 6, ties to even, 8 bits saturating
//
// WRAP_SUM and TIES_UP plant a bug: an accumulator that wraps, an output that sends ties up.

module tree_mac (
    input clk,
    input load,                 // the accumulator takes the bias; else it adds
    input signed [19:0] bias,
    input [31:0] a, b,          // four lanes of 8 bits, signed
    output signed [7:0] q
);
    function signed [15:0] product(input signed [7:0] x, y);
        product = x * y;
    endfunction

    wire signed [16:0] left = product(a[7:0], b[7:0]) + product(a[15:8], b[15:8]);
    wire signed [16:0] right = product(a[23:16], b[23:16]) + product(a[31:24], b[31:24]);

    function signed [15:0] saturate16(input signed [16:0] x);
        saturate16 = x[16] == x[15] ? x[15:0] : {x[16], {15{!x[16]}}};
    endfunction

    wire signed [16:0] tree = saturate16(left) + saturate16(right);
    wire signed [17:0] up = tree + 18'sd4;      // ties up: add one half, then floor
    wire signed [14:0] shifted = up[17:3];
    wire fits13 = shifted[14:12] == 3'b000 || shifted[14:12] == 3'b111;
    wire signed [12:0] term = fits13 ? shifted[12:0] : {shifted[14], {12{!shifted[14]}}};

    reg signed [19:0] acc;
    wire signed [20:0] next = acc + term;
    always @(posedge clk)
        if (load) acc <= bias;
`ifdef WRAP_SUM
        else acc <= next[19:0];
`else
        else acc <= next[20] == next[19] ? next[19:0] : {next[20], {19{!next[20]}}};
`endif

    wire half = acc[5], below = |acc[4:0], odd = acc[6];
`ifdef TIES_UP
    wire one = half;
`else
    wire one = half && (below || odd);
`endif
    wire signed [14:0] rounded = $signed(acc[19:6]) + $signed({1'b0, one});
    wire fits8 = &rounded[14:7] || !(|rounded[14:7]);
    assign q = fits8 ? rounded[7:0] : {rounded[14], {7{!rounded[14]}}};
endmodule

// Answers lines: `pyqsim conform --datapath tree_mac.json --program "vvp -n bench.vvp"`.
module bench;
    localparam A_BITS = 8, B_BITS = 8;
    `include "lines.vh"

    reg clk = 0, load, more;
    reg signed [19:0] start;
    reg [31:0] x, w;
    wire signed [7:0] q;
    tree_mac dut (clk, load, start, x, w, q);

    integer i, j, t, lane;

    task clock;
        begin #1 clk = 1; #1 clk = 0; end
    endtask

    initial begin
        read_call(1, more);
        while (more) begin
            $write("%0d ", number);
            for (i = 0; i < m; i = i + 1)
                for (j = 0; j < n; j = j + 1) begin
                    load = 1; start = bias[j][19:0];
                    clock;
                    load = 0;
                    for (t = 0; t < k; t = t + 4) begin
                        for (lane = 0; lane < 4; lane = lane + 1) begin
                            // Whole words: Verilator 5.006 does not notice parts.
                            x = {t + lane < k ? a[i * k + t + lane] : 8'sd0, x[31:8]};
                            w = {t + lane < k ? b[(t + lane) * n + j] : 8'sd0, w[31:8]};
                        end
                        clock;
                    end
                    $write("%0d,", q);
                end
            $write("\n");
            $fflush(STDOUT);
            read_call(1, more);
        end
        $finish;
    end
endmodule
