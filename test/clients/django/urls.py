import serve
from django.urls import path

urlpatterns = [path("invoices", serve.invoices)]
