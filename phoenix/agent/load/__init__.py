"""`load`: simulated processes that die with the one that started them."""
