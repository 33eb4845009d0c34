package metrics

// Instrument describes one metric.
type Instrument struct {
	// Name in OpenTelemetry's form; Prometheus shows dots as underscores and
	// appends unit and "_total".
	Name, Unit, Description string
}

// The histograms, recorded when a request ends. Their labels are
// gen_ai.operation.name, gen_ai.provider.name, backplane.endpoint and, where the
// request failed, error.type.
var (
	requestDuration  = Instrument{"gen_ai.server.request.duration", "s", "Time from a request's arrival at its endpoint to its end."}
	timeToFirstToken = Instrument{"gen_ai.server.time_to_first_token", "s", "Time from the start of the last attempt to the first chunk of a stream."}
	tokenUsage       = Instrument{"gen_ai.client.token.usage", "{token}", "Tokens of a request, by gen_ai.token.type, as the provider reported them."}
	attemptDuration  = Instrument{"backplane.attempt.duration", "s", "Time of one call to the plugin, for a stream up to its first chunk; error.type is that of the attempt."}
	queueWait        = Instrument{"backplane.queue.wait", "s", "Time that a request waited in its endpoint's queue."}
)

// The memory for request bodies, of the whole host; see server.max_buffered_size.
var (
	bodiesHeld    = Instrument{"backplane.bodies.held", "By", "Memory that is reserved for request bodies now."}
	bodiesLimit   = Instrument{"backplane.bodies.limit", "By", "Memory that there is for request bodies."}
	bodiesWaiting = Instrument{"backplane.bodies.waiting", "{request}", "Requests that wait for memory before their bodies are read."}
	bodiesRefused = Instrument{"backplane.bodies.refused", "{request}", "Requests that were refused since there was no memory for their bodies."}
)

// The counters and gauges, read when asked for. Those of endpoints have the
// labels backplane.endpoint and gen_ai.provider.name, those of plugins
// backplane.provider.
var (
	requests      = Instrument{"backplane.requests", "{request}", "Requests that ended, by backplane.outcome: success, error or canceled."}
	errorsByCode  = Instrument{"backplane.errors", "{error}", "Requests that failed, by error.type."}
	attempts      = Instrument{"backplane.attempts", "{attempt}", "Calls made to the plugin."}
	retries       = Instrument{"backplane.retries", "{attempt}", "Calls made to the plugin after a request's first."}
	queueDepth    = Instrument{"backplane.queue.depth", "{request}", "Requests that wait in the queue now."}
	queueSize     = Instrument{"backplane.queue.size", "By", "Bytes of the bodies that wait in the queue now."}
	inFlight      = Instrument{"backplane.in_flight", "{request}", "Requests that hold a slot of the endpoint now."}
	refusals      = Instrument{"backplane.queue.refusals", "{request}", "Requests that the queue did not take or keep, by backplane.reason: full, bytes, room, late or overload."}
	paced         = Instrument{"backplane.queue.paced", "{attempt}", "Attempts that waited for a rate limit though a slot was free."}
	limitNow      = Instrument{"backplane.concurrency.limit", "{request}", "Requests that the endpoint runs at once now, 0 for no limit; moves with adapt."}
	oldest        = Instrument{"backplane.queue.oldest", "s", "How long the longest waiting request has waited."}
	overloaded    = Instrument{"backplane.queue.overloaded", "", "1 while the queue cuts waits because it has not been empty for too long, else 0."}
	budget        = Instrument{"backplane.retry.budget", "{attempt}", "Retries that the endpoint's budget has left."}
	hedges        = Instrument{"backplane.hedges", "{attempt}", "Second attempts that were sent beside a slow one."}
	hedgesWon     = Instrument{"backplane.hedges.won", "{attempt}", "Second attempts that answered first."}
	gateShut      = Instrument{"backplane.gate.shut", "", "1 while the service has asked to be left alone, else 0."}
	circuitState  = Instrument{"backplane.circuit.state", "", "1 for the state that the circuit breaker is in, 0 for the others; by backplane.state."}
	circuitTrips  = Instrument{"backplane.circuit.trips", "{trip}", "Openings of the circuit breaker."}
	pluginState   = Instrument{"backplane.plugin.state", "", "1 for the state that the plugin is in, 0 for the others; by backplane.state."}
	pluginStarts  = Instrument{"backplane.plugin.starts", "{process}", "Processes of the plugin that were started."}
	pluginRestart = Instrument{"backplane.plugin.restarts", "{process}", "Processes of the plugin that were started after a crash."}
	pluginCalls   = Instrument{"backplane.plugin.in_flight", "{call}", "Calls that the plugin works on now."}
	pluginCrashes = Instrument{"backplane.plugin.crashes", "{crash}", "Crashes and failed starts of the last ten minutes."}

	// Of a plugin's processes, by backplane.generation: more than one lives while
	// a replaced one finishes its calls. Memory, processor and files are read from
	// the system, where it tells.
	processState   = Instrument{"backplane.plugin.process.state", "", "1 for the state that the process is in; by backplane.state: starting, probing, ready or draining."}
	processCalls   = Instrument{"backplane.plugin.process.in_flight", "{call}", "Calls that the process works on now."}
	processMemory  = Instrument{"backplane.plugin.process.memory", "By", "Resident memory of the process."}
	processFiles   = Instrument{"backplane.plugin.process.open_files", "{file}", "Open files and connections of the process."}
	processThreads = Instrument{"backplane.plugin.process.threads", "{thread}", "Threads of the process."}
	processCPU     = Instrument{"backplane.plugin.process.cpu", "s", "Processor time that the process has used."}
)

// Instruments lists all metrics.
func Instruments() []Instrument {
	return []Instrument{
		requestDuration, timeToFirstToken, tokenUsage, attemptDuration, queueWait,
		requests, errorsByCode, attempts, retries, queueDepth, queueSize, inFlight,
		refusals, paced, limitNow, oldest, overloaded, budget, hedges, hedgesWon, gateShut, circuitState, circuitTrips,
		pluginState, pluginStarts, pluginRestart, pluginCalls, pluginCrashes,
		processState, processCalls, processMemory, processFiles, processThreads, processCPU,
		bodiesHeld, bodiesLimit, bodiesWaiting, bodiesRefused,
	}
}
