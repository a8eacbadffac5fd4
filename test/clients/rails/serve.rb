# Serves requests of two tenants, and of none, from three threads.
require_relative "config/environment"
require_relative "tenant_scope"

class Invoice < ActiveRecord::Base
  self.table_name = "invoice"
end

# What an around_action would do
def request(tenant)
  TenantScope.with(tenant) do
    backend = Invoice.connection.select_value("SELECT pg_backend_pid()")
    seen = Invoice.all.map(&:organization_id).join(",")
    "#{tenant.presence || "nobody"} #{seen} #{backend}"
  end
end

threads = ["acme", "globex", ""].map do |tenant|
  Thread.new { Array.new(10) { request(tenant) } }
end
puts threads.flat_map(&:value)
