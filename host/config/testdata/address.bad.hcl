server {
  listen = "localhost"
  admin  = "/run/backplane.sock"
}

log {
  level = "verbose"
}
