"""What the tests of all transports share: the applications, the servers that run them and who listens to them.

An application runs in a thread of the test where its server can, and in a process of its own where the server wants
one. `ears` brings what it tells to the test in both cases.
"""
