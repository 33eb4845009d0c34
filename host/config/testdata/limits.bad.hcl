provider "echo" {}

endpoint "fast" {
  provider = "echo"
  limits {
    requests_per_minute = -1
    share               = 0
    model {
      name = "large-*"
    }
    model {
      requests_per_minute = 10
    }
  }
  hedge {
    quantile = 1
  }
  queue {
    overload = "lifo"
  }
  breaker {
    when_open = "wait"
  }
}

endpoint "twice" {
  provider = "echo"
  limits {
    model {
      name              = "large"
      tokens_per_minute = 10
    }
    model {
      name              = "large"
      tokens_per_minute = 20
    }
    model {
      name = "small"
    }
  }
}
