"""The pinned packages: made by `renew`, checked by `check`, installed by `install`."""
