provider "echo" {}

endpoint "fast" {
  provider     = "echo"
  timeout      = 60
  idle_timeout = "20"
  retry {
    initial_delay = "soon"
  }
}
