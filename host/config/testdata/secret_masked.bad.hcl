provider "acme" {
  env = { PROXY_AUTH = "hunter2-proxy" }
}

endpoint "typo" {
  provider = "acme"
  api_kye  = "sk-hunter2-typo"
  settings {
    region  = "eu"
    passwrd = "hunter2-setting"
    headers = { Authorization = "Bearer hunter2", x = 1 }
  }
}

endpoint "literal" {
  provider = "acme"
  api_key  = "sk-hunter2-literal"
  settings {
    region = "eu"
    token  = "hunter2-pattern"
  }
}

endpoint "number" {
  provider = "acme"
  api_key  = 8675309
  settings {
    region = "eu"
  }
}

endpoint "default" {
  provider = "acme"
  api_key  = env("NOT_SET", "sk-hunter2-default") + 1
  settings {
    region = "eu"
  }
}

vault "x" {
  token = "hunter2-block"
}
