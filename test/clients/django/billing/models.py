from django.db import models


class Invoice(models.Model):
    organization_id = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True, null=True)
    updated_at = models.DateTimeField(auto_now=True, null=True)

    class Meta:
        db_table = "invoice"
        indexes = [models.Index(fields=["organization_id"], name="invoice_organization_idx")]
