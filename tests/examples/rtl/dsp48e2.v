// A DSP48E2 as far as INT8 packing uses it, written from Xilinx UG579 (the slice) and WP486 (the
// packing): a reading of these documents, not the vendor's model and not the silicon.

// Pre-adder of 27 bits, 27 x 18 multiplier, 48-bit accumulator; nothing saturates.
module dsp48e2 (
    input clk,
    input first,                // P becomes the product; else P adds it
    input signed [26:0] a, d,
    input signed [17:0] b,
    output reg signed [47:0] p
);
    wire signed [26:0] ad = a + d;
    wire signed [44:0] m = ad * b;
    always @(posedge clk) p <= first ? {{3{m[44]}}, m} : p + {{3{m[44]}}, m};
endmodule

// a * c and b * c, both summed in one P: a stands 18 bits above b.
module int8_pair (
    input clk,
    input first,
    input signed [7:0] a, b, c,
    output signed [29:0] high,
    output signed [17:0] low
);
    wire signed [47:0] p;
    dsp48e2 slice (clk, first, {a[7], a, 18'b0}, {{19{b[7]}}, b}, {{10{c[7]}}, c}, p);
    assign low = p[17:0];
    // A negative low part has borrowed one from the high part.
    assign high = $signed(p[47:18]) + $signed({1'b0, p[17]});
endmodule

// Answers lines, one slice an output: `pyqsim conform --target dsp48e2 --program "vvp -n bench.vvp"`.
module slice_bench;
    localparam A_BITS = 27, B_BITS = 18;
    `include "lines.vh"

    reg clk = 0, more;
    reg signed [26:0] x;
    reg signed [17:0] w;
    wire signed [47:0] p;
    integer i, j, t;
    dsp48e2 dut (clk, t == 0, x, 27'sd0, w, p);

    initial begin
        read_call(0, more);
        while (more) begin
            $write("%0d ", number);
            for (i = 0; i < m; i = i + 1)
                for (j = 0; j < n; j = j + 1) begin
                    for (t = 0; t < k; t = t + 1) begin
                        x = a[i * k + t];
                        w = b[t * n + j];
                        #1 clk = 1; #1 clk = 0;
                    end
                    $write("%0d,", k == 0 ? 48'sd0 : p);
                end
            $write("\n");
            $fflush(STDOUT);
            read_call(0, more);
        end
        $finish;
    end
endmodule

// Answers lines as two rows of a at a time share a slice, which is read and cleared after 7
// products: `pyqsim conform --target dsp48e2-int8-packed --program "vvp -n bench.vvp"`.
// With +products=FILE instead compares every (a, b, c) with a table of a * c, as $readmemh reads it.
module pair_bench;
    parameter GROUP = 7;
    localparam A_BITS = 8, B_BITS = 8;
    `include "lines.vh"

    reg clk = 0, first, more;
    reg signed [7:0] x, y, w;
    wire signed [29:0] high;
    wire signed [17:0] low;
    int8_pair dut (clk, first, x, y, w, high, low);

    integer i, j, t, wrong;
    integer upper [0:LARGEST-1], lower [0:LARGEST-1];
    reg [1023:0] file;
    reg signed [31:0] products [0:65535];   // at {a, c}, both as bit patterns

    task clock;
        begin #1 clk = 1; #1 clk = 0; end
    endtask

    task compare_every_triple;
        begin
            $readmemh(file, products);
            wrong = 0;
            first = 1;
            for (i = 0; i < 1 << 24; i = i + 1) begin
                {x, y, w} = i[23:0];
                clock;
                if (high !== products[{x, w}] || low !== products[{y, w}]) wrong = wrong + 1;
            end
            $display("wrong: %0d of %0d", wrong, 1 << 24);
        end
    endtask

    // Rows i and i + 1 (or 0) with every column.
    task run_rows;
        for (j = 0; j < n; j = j + 1) begin
            upper[j] = 0; lower[j] = 0;
            for (t = 0; t < k; t = t + 1) begin
                x = a[i * k + t];
                y = i + 1 < m ? a[(i + 1) * k + t] : 8'sd0;
                w = b[t * n + j];
                first = t % GROUP == 0;
                clock;
                if (t % GROUP == GROUP - 1 || t == k - 1) begin
                    upper[j] = upper[j] + high;
                    lower[j] = lower[j] + low;
                end
            end
        end
    endtask

    task answer_lines;
        begin
            read_call(0, more);
            while (more) begin
                $write("%0d ", number);
                for (i = 0; i < m; i = i + 2) begin
                    run_rows;
                    for (j = 0; j < n; j = j + 1) $write("%0d,", upper[j]);
                    for (j = 0; j < n && i + 1 < m; j = j + 1) $write("%0d,", lower[j]);
                end
                $write("\n");
                $fflush(STDOUT);
                read_call(0, more);
            end
        end
    endtask

    initial begin
        if ($value$plusargs("products=%s", file)) compare_every_triple;
        else answer_lines;
        $finish;
    end
endmodule
