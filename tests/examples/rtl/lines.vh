// A call of `pyqsim conform --program` from standard input, for a bench that includes this file:
//
//     NUMBER m=2 n=1 k=2 a=1,-2,3,4 b=5,6 [bias=7]
//
// and its answer, NUMBER y,y, on standard output. Lists are row-major. The bench says A_BITS and
// B_BITS before it.

localparam STDIN = 32'h8000_0000, STDOUT = 32'h8000_0001, LARGEST = 1 << 16;

integer number, m, n, k;
reg signed [A_BITS-1:0] a [0:LARGEST-1];
reg signed [B_BITS-1:0] b [0:LARGEST-1];
reg signed [31:0] bias [0:LARGEST-1];

integer item, items, value;

// One of `count` numbers of a list, a comma before all but the first.
task read_item;
    if (item == 0) items = $fscanf(STDIN, "%d", value);
    else items = $fscanf(STDIN, ",%d", value);
endtask

// `more` is 0 where the input ends.
task read_call(input with_bias, output more);
    begin
        more = $fscanf(STDIN, " %d m=%d n=%d k=%d a=", number, m, n, k) == 4;
        if (more && (m * k > LARGEST || k * n > LARGEST || n > LARGEST)) begin
            $display("call %0d is larger than this bench", number);
            more = 0;
        end
        if (more) begin
            for (item = 0; item < m * k; item = item + 1) begin read_item; a[item] = value; end
            repeat (3) items = $fgetc(STDIN);  // " b="
            for (item = 0; item < k * n; item = item + 1) begin read_item; b[item] = value; end
        end
        if (more && with_bias) begin
            repeat (6) items = $fgetc(STDIN);  // " bias="
            for (item = 0; item < n; item = item + 1) begin read_item; bias[item] = value; end
        end
    end
endtask
