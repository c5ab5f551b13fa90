"""An OAuth 2.0 authorization server: tokens for clients, which the gateway accepts with ``--token @oauth``."""
