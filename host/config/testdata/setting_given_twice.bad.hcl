server {
  listen = ":1"
  listen = ":2"
}
