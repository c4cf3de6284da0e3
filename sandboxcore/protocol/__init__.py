"""The client's half of the wire protocol without any input or output: everything here is a function of its arguments.

``settings``  which server and which key; URLs
``calls``     each request of the control plane and of file transfer, with what its failures mean
``failures``  from a refusal to the error that is raised
``retry``     when to try again, and after how long
``commands``  the messages that a client sends about a command
``yamux``     many byte streams over one connection, both sides of it
``tunnel``    how each stream of a tunnel begins
``mux``       the same as streams that can be awaited
``stream``    the state of one command's output: what has come, from which byte to go on, how it ended
"""
