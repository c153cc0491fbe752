"""The machine of machine.json as a program: a line a call on stdin, a line of outputs on stdout.

Stands for an RTL bench or a device on a cable. ``--fault`` makes it misbehave, for the tests:
wrap (a wrong accumulator), garbage, twice, short, stray (a call nobody made), huge (more than
int64 holds), early (ends after three answers), silent.
"""

import sys
import time


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def clamp(value, bits):
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))


def outputs(fields, fault):
    m, n, k = (int(fields[name]) for name in "mnk")
    a, b, bias = (numbers(fields[name]) for name in ("a", "b", "bias"))
    for i in range(m):
        for j in range(n):
            total = bias[j]
            for t in range(k):
                total += a[i * k + t] * b[t * n + j]
                total = (total + (1 << 19)) % (1 << 20) - (1 << 19) if fault == "wrap" else (
                    clamp(total, 20)
                )  # fmt: skip
            floor, rest = divmod(total, 64)
            yield clamp(floor + (rest > 32 or (rest == 32 and floor % 2 == 1)), 8)


def main():
    fault = sys.argv[2] if sys.argv[1:2] == ["--fault"] else None
    print("# ready", flush=True)
    for answered, line in enumerate(sys.stdin):
        number, *words = line.split()
        values = list(outputs(dict(word.split("=") for word in words), fault))
        if answered == 3 and fault == "early":
            sys.exit(7)
        if answered == 3 and fault == "silent":
            time.sleep(60)
        if answered == 3 and fault == "garbage":
            print("ERROR: x propagated", flush=True)
        if answered == 3 and fault == "stray":
            number = 10**6
        if answered == 3 and fault == "huge" and values:
            values[0] = 2**63
        if answered == 3 and fault == "short":
            values.append(0)
        print(number, ",".join(map(str, values)), flush=True)
        if answered == 3 and fault == "twice":
            print(number, ",".join(map(str, values)), flush=True)


main()
