"""What a user installs: a synchronous HTTP client and the ``farm`` command."""
