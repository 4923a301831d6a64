"""The demo: two gateways negotiate, and what crosses between them is proved to be encrypted."""
