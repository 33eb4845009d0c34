endpont "fast" {
  provider = "echo"
}

queue {
  size = 3
}

listen = ":8080"
