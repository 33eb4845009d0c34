server {
  trusted_keys = ["short"]
  cgroup       = "relative"
}

provider "acme" {
  trial = "1"
  process {
    files         = "none"
    connect_ports = ["443", "https", "70000"]
  }
}
