"""The ledger as it grows: one look at the store for all readers, and no queue for any of them.

hub.py      the newest frames in a ring, which every reader follows at his own pace
socket.py   one reader: what he subscribed to, from where on, heartbeats, and his end
frames.py   what goes over the wire
"""
