"""Readings on flash until the cloud has acknowledged them."""
