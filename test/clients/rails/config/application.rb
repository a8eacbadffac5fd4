require "rails"
require "active_record/railtie"

class Billing < Rails::Application
  config.load_defaults Rails::VERSION::STRING.to_f
  config.eager_load = false
  config.secret_key_base = "test"
  config.active_record.dump_schema_after_migration = false
  config.active_record.schema_format = (ENV["SCHEMA_FORMAT"] || "ruby").to_sym
end

require_relative "structure" if File.exist?("config/structure.rb")
