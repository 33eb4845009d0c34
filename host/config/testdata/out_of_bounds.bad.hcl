provider "echo" {
  start_timeout = "1ms"
}

endpoint "fast" {
  provider = "echo"
  timeout  = "48h"
  queue {
    size = -1
  }
  breaker {
    error_rate = 50
    probes     = 0
  }
}
