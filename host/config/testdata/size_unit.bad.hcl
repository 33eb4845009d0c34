server {
  max_body_size = "32M"
}

provider "echo" {
  queue {
    max_bytes = "a lot"
  }
}
