"""Serves requests of two tenants, and of none, from three threads."""

from concurrent.futures import ThreadPoolExecutor


def identify(get_response):
    def middleware(request):
        request.tenant_id = request.META["HTTP_X_TENANT"]
        return get_response(request)

    return middleware


def invoices(request):
    from billing.models import Invoice
    from django.db import connection
    from django.http import HttpResponse

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    seen = [invoice.organization_id for invoice in Invoice.objects.all()]
    return HttpResponse("%s %s %s" % (request.tenant_id or "nobody", ",".join(seen), backend))


def work(tenant):
    from django.test import Client

    client = Client()
    return [
        client.get("/invoices", HTTP_X_TENANT=tenant).content.decode() for _ in range(10)
    ]


if __name__ == "__main__":
    import os

    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    with ThreadPoolExecutor(3) as pool:
        for lines in pool.map(work, ["acme", "globex", ""]):
            print("\n".join(lines))
