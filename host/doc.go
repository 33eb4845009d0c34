// Package host runs Backplane: it starts provider plugins, owns the queue,
// circuit breaker, retries and stats of every endpoint, and answers HTTP.
//
// The backplane binary is a thin shell around it. To embed it:
//
//	cfg, err := host.Load(ctx, "config.hcl", host.Options{})
//	if err != nil { ... }            // all mistakes, with file, line and column
//	h, err := host.New(cfg, host.Options{})
//	if err != nil { ... }
//	if err := h.Start(ctx); err != nil { ... }
//	defer h.Shutdown(context.Background())
//	answer, err := h.Chat(ctx, &provider.ChatRequest{Model: "fast", Messages: messages})
//	if err != nil { ... }            // a *provider.Error
//	fmt.Println(answer.Text())
//
// Plugins are looked for in the folder plugins beside the program, unless the
// configuration or [Options] names another. A plugin that is missing is no error
// of Load: see [Setup.Missing]. A program that needs no admin API, or runs beside
// another host of the same user, sets [Options].Admin to "off".
//
// Providers are separate processes: a crash of one is restarted and retried,
// and never takes the host or another provider with it. See host/README.md for
// the architecture.
package host
