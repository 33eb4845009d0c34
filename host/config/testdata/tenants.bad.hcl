server {
  tenant_by       = "header:x team"
  priority_header = "x-priority:"
}

provider "echo" {}

endpoint "fast" {
  provider = "echo"
}

route "a" {
  endpoints = ["fast"]
  sticky    = "x-session id"
}
