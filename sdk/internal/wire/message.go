package wire

import (
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// ToEnvelope converts all of a request but its body.
func ToEnvelope(r *provider.Request) *pb.Envelope {
	out := &pb.Envelope{
		EndpointId:       text(r.Endpoint),
		EndpointRevision: r.Revision,
		Operation:        text(r.Operation),
		Model:            text(r.Model),
		RequestId:        text(r.RequestID),
		Attempt:          uint32(max(r.Attempt, 0)),
		AttemptTimeout:   duration(r.Timeout),
		Headers:          textMap(r.Header),
		ContentType:      text(r.ContentType),
		ConnectTimeout:   duration(r.ConnectTimeout),
	}
	if !r.Credential.IsZero() {
		out.Credential = []byte(r.Credential.Reveal())
	}
	return out
}

// FromEnvelope converts an envelope and the body beside it.
func FromEnvelope(e *pb.Envelope, body []byte) *provider.Request {
	return &provider.Request{
		Endpoint:       e.GetEndpointId(),
		Revision:       e.GetEndpointRevision(),
		Operation:      e.GetOperation(),
		Model:          e.GetModel(),
		RequestID:      e.GetRequestId(),
		Attempt:        int(e.GetAttempt()),
		Timeout:        e.GetAttemptTimeout().AsDuration(),
		ConnectTimeout: max(e.GetConnectTimeout().AsDuration(), 0),
		Credential:     provider.NewSecret(string(e.GetCredential())),
		Header:         e.GetHeaders(),
		ContentType:    e.GetContentType(),
		Body:           body,
	}
}

// ToResponse converts the answer of a call.
func ToResponse(r *provider.Response) *pb.CallResponse {
	return &pb.CallResponse{Meta: ToMeta(&r.Meta), ContentType: text(r.ContentType), Body: r.Body}
}

// FromResponse converts the answer of a call.
func FromResponse(r *pb.CallResponse) *provider.Response {
	return &provider.Response{Meta: *FromMeta(r.GetMeta()), ContentType: r.GetContentType(), Body: r.GetBody()}
}

// ToMeta converts what is reported beside an answer.
func ToMeta(m *provider.Meta) *pb.Meta {
	out := &pb.Meta{
		Status:       int32(m.Status),
		RequestId:    text(m.RequestID),
		Model:        text(m.Model),
		FinishReason: text(m.FinishReason),
		Usage:        ToUsage(m.Usage),
		RateLimits:   mapSlice(m.RateLimits, toRateLimit),
		Headers:      textMap(m.Header),
	}
	return out
}

// FromMeta converts what is reported beside an answer; nil gives an empty Meta.
func FromMeta(m *pb.Meta) *provider.Meta {
	return &provider.Meta{
		Status:       int(m.GetStatus()),
		RequestID:    m.GetRequestId(),
		Model:        m.GetModel(),
		FinishReason: m.GetFinishReason(),
		Usage:        FromUsage(m.GetUsage()),
		RateLimits:   mapSlice(m.GetRateLimits(), fromRateLimit),
		Header:       m.GetHeaders(),
	}
}

func toRateLimit(r provider.RateLimit) *pb.RateLimit {
	return &pb.RateLimit{Meter: text(r.Meter), Limit: r.Limit, Remaining: r.Remaining, Reset_: duration(r.Reset)}
}

func fromRateLimit(r *pb.RateLimit) provider.RateLimit {
	return provider.RateLimit{
		Meter: r.GetMeter(), Limit: r.GetLimit(), Remaining: r.GetRemaining(), Reset: r.GetReset_().AsDuration(),
	}
}

// ToUsage converts token counts; nil gives nil.
func ToUsage(u *provider.Usage) *pb.Usage {
	if u == nil {
		return nil
	}
	return &pb.Usage{
		InputTokens:      u.Input,
		OutputTokens:     u.Output,
		TotalTokens:      u.Total,
		CachedTokens:     u.Cached,
		CacheWriteTokens: u.CacheWrite,
		ReasoningTokens:  u.Reasoning,
	}
}

// FromUsage converts token counts; nil gives nil.
func FromUsage(u *pb.Usage) *provider.Usage {
	if u == nil {
		return nil
	}
	return &provider.Usage{
		Input:      u.GetInputTokens(),
		Output:     u.GetOutputTokens(),
		Total:      u.GetTotalTokens(),
		Cached:     u.GetCachedTokens(),
		CacheWrite: u.GetCacheWriteTokens(),
		Reasoning:  u.GetReasoningTokens(),
	}
}

// ToFinish converts the end of a stream or a transfer.
func ToFinish(f provider.Finish) *pb.Finished {
	return &pb.Finished{Reason: text(f.Reason), Usage: ToUsage(f.Usage)}
}

// FromFinish converts the end of a stream or a transfer.
func FromFinish(f *pb.Finished) *provider.Finish {
	return &provider.Finish{Reason: f.GetReason(), Usage: FromUsage(f.GetUsage())}
}

// ToEvent converts one event of a stream. It panics for an unknown kind.
func ToEvent(e provider.Event) *pb.StreamResponse {
	switch e.Kind {
	case provider.EventStarted:
		meta := e.Meta
		if meta == nil {
			meta = &provider.Meta{}
		}
		return &pb.StreamResponse{Event: &pb.StreamResponse_Started{Started: &pb.Started{Meta: ToMeta(meta)}}}
	case provider.EventData:
		return &pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: e.Chunks}}}
	case provider.EventUsage:
		return &pb.StreamResponse{Event: &pb.StreamResponse_Usage{Usage: ToUsage(e.Usage)}}
	case provider.EventHeartbeat:
		return &pb.StreamResponse{Event: &pb.StreamResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}}
	case provider.EventFinished:
		finish := e.Finish
		if finish == nil {
			finish = &provider.Finish{}
		}
		return &pb.StreamResponse{Event: &pb.StreamResponse_Finished{Finished: ToFinish(*finish)}}
	default:
		panic("wire: event of unknown kind")
	}
}

// FromEvent converts one event of a stream. It reports false for an event that
// this version does not know; the reader ignores it.
func FromEvent(e *pb.StreamResponse) (provider.Event, bool) {
	switch ev := e.GetEvent().(type) {
	case *pb.StreamResponse_Started:
		return provider.Event{Kind: provider.EventStarted, Meta: FromMeta(ev.Started.GetMeta())}, true
	case *pb.StreamResponse_Data:
		return provider.Event{Kind: provider.EventData, Chunks: ev.Data.GetChunks()}, true
	case *pb.StreamResponse_Usage:
		return provider.Event{Kind: provider.EventUsage, Usage: FromUsage(ev.Usage)}, true
	case *pb.StreamResponse_Heartbeat:
		return provider.Event{Kind: provider.EventHeartbeat}, true
	case *pb.StreamResponse_Finished:
		return provider.Event{Kind: provider.EventFinished, Finish: FromFinish(ev.Finished)}, true
	default:
		return provider.Event{}, false
	}
}

// ToTransferHead converts the head of a transfer's answer.
func ToTransferHead(h provider.TransferHead) *pb.TransferResponseHead {
	return &pb.TransferResponseHead{Meta: ToMeta(&h.Meta), ContentType: text(h.ContentType), Length: h.Length}
}

// FromTransferHead converts the head of a transfer's answer.
func FromTransferHead(h *pb.TransferResponseHead) provider.TransferHead {
	return provider.TransferHead{Meta: *FromMeta(h.GetMeta()), ContentType: h.GetContentType(), Length: h.GetLength()}
}

// ToTransferRequest converts all of a transfer's request but its upload.
func ToTransferRequest(r *provider.TransferRequest) *pb.TransferRequest {
	return &pb.TransferRequest{Frame: &pb.TransferRequest_Head{Head: &pb.TransferRequestHead{
		Envelope:   ToEnvelope(&r.Request),
		Params:     r.Body,
		HasData:    r.Data != nil,
		DataType:   text(r.DataType),
		DataLength: r.DataLength,
	}}}
}
