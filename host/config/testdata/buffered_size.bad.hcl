server {
  max_body_size     = "64MiB"
  max_buffered_size = "100MiB"
}
