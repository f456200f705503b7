"""The routes, one module for each noun. Each says which role it needs; what it does is in `phoenix.services`."""
