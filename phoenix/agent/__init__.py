"""The agent: what Phoenix runs on a host to see and to load its process table.

A guest on other people's machines: standard library only, Python >= 3.9, imports nothing else of ours (a contract held
by import-linter), writes nothing outside the folder it is given, and ends with the pipe that feeds it. Packed into one
zipapp by `phoenix.adapters.agent_archive`; run as `python3 -IS agent.pyz COMMAND`. It speaks JSON lines, see `protocol`.
"""
