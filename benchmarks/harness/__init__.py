"""What the benchmarks share: servers on a core of their own, load from another, CPU time, rounds, tables and charts.

`cases` says what is asked and what must be answered, `contenders` who answers and how it is started, `environments`
installs them, `answers` compares what they answer, `load` asks, `processor` counts CPU time, `rounds` does both in
turns, `spread` makes figures of it, `record` keeps them, `tables` and `chart` show them.
"""
