"""The collector: CloudEvents over HTTP, acknowledged once they are durable.

`tokens` says who may send what, `admission` how much, `bodies` and `messages` read
what was sent, `checks` decides event by event, `sinks` make events durable, `guard`
keeps memory bounded while they cannot, `application` joins them, `connections` ends
those that keep us waiting, `problems` and `metrics` are what it says of itself.
"""
