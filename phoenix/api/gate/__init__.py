"""Who asks, from where, and whether he may: settled before anything of the request is looked at by a route."""
