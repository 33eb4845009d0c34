# Every block and every setting of the host, none with its default.
server {
  listen           = ":9000"
  admin            = "off"
  plugin_dir       = "bin"
  max_body_size    = "1MB"
  shutdown_timeout = "5s"
}

log {
  level = "debug"
}

provider "acme" {
  path          = "bin/acme"
  env           = { TZ = "UTC", HOME = "/nowhere" }
  forward_env   = ["HTTPS_PROXY", "HOME", "NOT_SET"]
  start_timeout = "3s"
  model         = "acme-large"
  api_key       = env("ACME_API_KEY")
  timeout       = "10s"
  settings {
    cache = "4MiB"
  }
  queue {
    size      = 7
    max_bytes = 1024
  }
  retry {
    max = 9
  }
}

provider "openai" {}

endpoint "inherits" {
  provider = "acme"
  settings {
    region = "us"
  }
}

endpoint "overrides" {
  provider            = "acme"
  model               = "acme-small"
  api_key             = ""
  timeout             = "0s"
  attempt_timeout     = "1s"
  first_token_timeout = "2s"
  idle_timeout        = "3s"
  settings {
    region  = "eu"
    token   = file("keys/acme.txt")
    tags    = ["a", "b"]
    headers = { x-team = "core" }
    tls {
      ca_file = "ca.pem"
    }
    replica {
      url = "https://a.example"
    }
    replica {
      url    = "https://b.example"
      weight = 0
    }
  }
  queue {
    enabled        = false
    size           = 0
    max_concurrent = 0
    max_bytes      = 0
  }
  retry {
    max             = 0
    initial_delay   = "0s"
    factor          = 1.5
    max_delay       = "0s"
    jitter          = 0
    retry_after_max = "0s"
    budget          = 0
  }
  breaker {
    enabled              = false
    window               = "30s"
    error_rate           = 0.25
    min_requests         = 1
    open_for             = "1s"
    max_open             = "2s"
    probes               = 2
    consecutive_failures = 4
  }
  stats {
    recent = false
  }
}

endpoint "keyed" {
  provider = "openai"
  api_key  = file("keys/openai.txt")
}

endpoint "from-environment" {
  provider = "openai"
}

route "gpt-*" {
  endpoints = ["keyed", "overrides"]
}

route "alias" {
  endpoints = ["inherits"]
  model     = "acme-xl"
}
