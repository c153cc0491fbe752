// Reads vectors of `pyqsim vectors --trace` with $readmemh and checks a saturating MAC against them.
`timescale 1ns / 1ns
module bench;
    parameter CALLS = 16, M = 2, N = 2, K = 8, BITS = 16;
    reg signed [7:0] a [0:CALLS*M*K-1];
    reg signed [7:0] b [0:CALLS*K*N-1];
    reg signed [63:0] accumulators [0:CALLS*M*N*K-1];
    reg signed [31:0] out [0:CALLS*M*N-1];
    reg signed [BITS:0] sum;  // one bit more than the register
    integer c, i, j, t, wrong;

    localparam signed [BITS:0] HIGH = (1 << (BITS - 1)) - 1;
    localparam signed [BITS:0] LOW = -HIGH - 1;

    initial begin
        $readmemh("a.hex", a);
        $readmemh("b.hex", b);
        $readmemh("accumulators.hex", accumulators);
        $readmemh("out.hex", out);
        wrong = 0;
        for (c = 0; c < CALLS; c = c + 1)
            for (i = 0; i < M; i = i + 1)
                for (j = 0; j < N; j = j + 1) begin
                    sum = 0;
                    for (t = 0; t < K; t = t + 1) begin
                        sum = sum + a[(c * M + i) * K + t] * b[(c * K + t) * N + j];
                        if (sum > HIGH) sum = HIGH;
                        if (sum < LOW) sum = LOW;
                        if (sum !== accumulators[((c * M + i) * N + j) * K + t]) begin
                            wrong = wrong + 1;
                            $display("call %0d m %0d n %0d k %0d: %0d", c, i, j, t, sum);
                        end
                    end
                    if (sum !== out[(c * M + i) * N + j]) wrong = wrong + 1;
                end
        $display("wrong: %0d of %0d", wrong, CALLS * M * N * (K + 1));
        $finish;
    end
endmodule
