# Every block and every setting of the host, none with its default.
server {
  listen           = ":9000"
  admin            = "off"
  plugin_dir       = "bin"
  max_body_size    = "1MB"
  max_buffered_size = "8MB"
  tenant_by        = "header:x-team"
  priority_header  = ""
  http_server      = "standard"
  shutdown_timeout = "5s"
  lock_file        = "locks/a.hcl"
  trusted_keys     = ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
  cgroup           = "/sys/fs/cgroup/x"
}

log {
  level = "debug"
}

provider "acme" {
  path          = "bin/acme"
  env           = { TZ = "UTC", HOME = "/nowhere" }
  forward_env   = ["HTTPS_PROXY", "HOME", "NOT_SET"]
  start_timeout = "3s"
  lazy          = true
  idle_stop     = "1m"
  drain_timeout = "2s"
  trial         = "0s"
  model         = "acme-large"
  api_key       = env("ACME_API_KEY")
  timeout       = "10s"
  settings {
    cache = "4MiB"
  }
  process {
    memory        = "1GiB"
    cpus          = 1.5
    processes     = 10
    open_files    = 100
    user          = "acme"
    files         = "any"
    read          = ["models"]
    write         = ["/var/acme"]
    connect_ports = ["443", "8443"]
    bind_ports    = []
    required      = true
  }
  queue {
    size      = 7
    max_bytes = 1024
  }
  retry {
    max = 9
  }
  limits {
    requests_per_minute = 600
    model {
      name              = "acme-large"
      tokens_per_minute = 1000
    }
    model {
      name                = "acme-*"
      requests_per_minute = 60
    }
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
  connect_timeout     = "0s"
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
    overload       = "none"
    target         = "4s"
    interval       = "5s"
  }
  limits {
    requests_per_minute = 0
    tokens_per_minute   = 7
    from_headers        = false
    share               = 0.5
    quota_cooldown      = "0s"
    model {
      name              = "acme-small"
      tokens_per_minute = 9
    }
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
    when_open            = "hold"
  }
  adapt {
    enabled   = false
    min       = 3
    max       = 30
    tolerance = 1.5
  }
  hedge {
    enabled   = true
    quantile  = 0.9
    min_delay = "10ms"
    budget    = 0.25
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
  endpoints = ["inherits", "keyed"]
  model     = "acme-xl"
  balance   = "weighted"
  weights   = { inherits = 3, keyed = "0" }
  sticky    = "x-session-id"
}
