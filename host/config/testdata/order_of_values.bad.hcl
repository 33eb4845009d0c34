provider "echo" {
  adapt {
    min = 300
  }
}

# It inherits the mistake, which is reported once.
endpoint "inherits" {
  provider = "echo"
}

endpoint "own" {
  provider = "echo"
  queue {
    target   = "5s"
    interval = "1s"
  }
  retry {
    initial_delay = "10s"
    max_delay     = "5s"
  }
  adapt {
    min = 20
    max = 10
  }
}

endpoint "no-beginning" {
  provider = "echo"
  queue {
    max_concurrent = 0
  }
  adapt {
    enabled = true
    min     = 2
  }
}
