from django.db import models


class Receipt(models.Model):
    """What a built-in server did under one key (`call id.attempt`), written in the transaction of the effect.

    The unique key is the grant's single use: a second call under it gets the stored result. A void receipt
    closes the key, so that a call that arrives after the reaper gave up on it fails.
    """

    key = models.CharField(max_length=80, unique=True)
    server = models.CharField(max_length=50, blank=True)
    tool = models.CharField(max_length=100, blank=True)
    arguments_digest = models.CharField(max_length=64, blank=True)
    result = models.JSONField(null=True)
    void = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key
