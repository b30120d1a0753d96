"""The demo workspace: what `room-server demo` shows of the product within a minute."""
