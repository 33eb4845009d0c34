package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// goldenWire holds the bytes of every kind of message, as peers that were built at
// some time send them. What stands there stays there.
const goldenWire = "testdata/wire.json"

// deepest is how far messages are filled that hold their own kind.
const deepest = 5

// wireSamples are all kinds of messages with all of their fields set, one for each
// arm of a oneof. The value of a field follows from its name, so that two fields
// which change places are noticed.
func wireSamples(t *testing.T) map[string]proto.Message {
	t.Helper()
	samples := make(map[string]proto.Message)
	messages := pb.File_provider_v1_provider_proto.Messages()
	for i := range messages.Len() {
		kind, err := protoregistry.GlobalTypes.FindMessageByName(messages.Get(i).FullName())
		if err != nil {
			t.Fatal(err)
		}
		name := string(messages.Get(i).Name())
		arms := armsOf(messages.Get(i))
		if len(arms) == 0 {
			samples[name] = filled(kind.New(), 0).Interface()
		}
		for _, arm := range arms {
			m := filled(kind.New(), 0)
			m.Set(arm, valueOf(m, arm, 1))
			samples[name+"."+string(arm.Name())] = m.Interface()
		}
	}
	return samples
}

// armsOf are the fields of the message's real oneofs.
func armsOf(d protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var arms []protoreflect.FieldDescriptor
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.ContainingOneof() != nil && !f.ContainingOneof().IsSynthetic() {
			arms = append(arms, f)
		}
	}
	return arms
}

func filled(m protoreflect.Message, depth int) protoreflect.Message {
	if m.Descriptor().FullName() == "google.protobuf.Value" {
		f := m.Descriptor().Fields().ByName("string_value")
		m.Set(f, protoreflect.ValueOfString("a default"))
		return m
	}
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		recursive := f.Message() != nil && depth >= deepest
		if (f.ContainingOneof() == nil || f.ContainingOneof().IsSynthetic()) && !recursive {
			m.Set(f, valueOf(m, f, depth+1))
		}
	}
	return m
}

// valueOf is a value for a field that follows from its name.
func valueOf(m protoreflect.Message, f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	switch {
	case f.IsMap():
		value := m.NewField(f)
		value.Map().Set(protoreflect.ValueOfString("key of "+string(f.Name())).MapKey(), scalar(f.MapValue()))
		return value
	case f.IsList() && f.Message() != nil:
		value := m.NewField(f)
		value.List().Append(protoreflect.ValueOfMessage(filled(value.List().NewElement().Message(), depth)))
		return value
	case f.IsList():
		value := m.NewField(f)
		value.List().Append(scalar(f))
		return value
	case f.Message() != nil:
		return protoreflect.ValueOfMessage(filled(m.NewField(f).Message(), depth))
	default:
		return scalar(f)
	}
}

func scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(f.Name())) // never fails
	n := hash.Sum32()%100_000 + 1
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(1).Number())
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(n) << 20)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(n)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n) << 20)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n) / 8)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("bytes of " + f.Name()))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("text of " + string(f.Name()))
	default:
		panic(fmt.Sprintf("field %s has the kind %s, for which there is no sample", f.FullName(), f.Kind()))
	}
}

func TestBytesOfOldPeersAreUnderstoodAndWrittenAsTheyWere(t *testing.T) {
	t.Parallel()
	kept := readGoldenWire(t)
	samples := wireSamples(t)
	for name, data := range kept {
		sample, ok := samples[name]
		if !ok {
			t.Errorf("%s is not a message any more: peers still send it", name)
			continue
		}
		got := sample.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(data, got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, wrong := range misread(name, got.ProtoReflect(), sample.ProtoReflect()) {
			t.Error(wrong)
		}
		if again := encoded(t, got); !bytes.Equal(again, data) {
			t.Errorf("%s: written again it is\n%x, it was\n%x", name, again, data)
		}
	}
	for name := range samples {
		if _, ok := kept[name]; !ok {
			t.Errorf("%s has no bytes in %s yet; go test ./sdk/internal/wire -run Bytes -update adds them, and changes nothing else", name, goldenWire)
		}
	}
}

// misread finds what in got, which old bytes were decoded to, is not what its
// field's name says. Fields that came later are not in it.
func misread(where string, got, want protoreflect.Message) (found []string) {
	if unknown := got.GetUnknown(); len(unknown) > 0 {
		found = append(found, fmt.Sprintf("%s: %d bytes of a field that is not known any more", where, len(unknown)))
	}
	got.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		place, other := where+"."+string(f.Name()), want.Get(f)
		switch {
		case f.IsMap() || f.Message() == nil:
			if !v.Equal(other) {
				found = append(found, fmt.Sprintf("%s is %v, it was sent as %v", place, v, other))
			}
		case f.IsList():
			for i := range v.List().Len() {
				found = append(found, misread(place, v.List().Get(i).Message(), other.List().Get(i).Message())...)
			}
		default:
			found = append(found, misread(place, v.Message(), other.Message())...)
		}
		return true
	})
	return found
}

func TestFieldsThatChangedPlacesAreMisread(t *testing.T) {
	t.Parallel()
	e := &pb.ProviderError{Type: "text of param", Param: "text of type"}
	if found := misread("ProviderError", e.ProtoReflect(), filled((&pb.ProviderError{}).ProtoReflect(), 0)); len(found) != 2 {
		t.Errorf("found %q, want both fields", found)
	}
}

func encoded(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readGoldenWire reads the bytes by message; with -update it adds those that are
// missing first.
func readGoldenWire(t *testing.T) map[string][]byte {
	t.Helper()
	kept := make(map[string][]byte)
	data, err := os.ReadFile(goldenWire)
	switch {
	case *update && errors.Is(err, fs.ErrNotExist):
	case err != nil:
		t.Fatal(err)
	default:
		if err := json.Unmarshal(data, &kept); err != nil {
			t.Fatal(err)
		}
	}
	if !*update {
		return kept
	}
	for name, m := range wireSamples(t) {
		if _, ok := kept[name]; !ok {
			kept[name] = encoded(t, m)
		}
	}
	if data, err = json.MarshalIndent(kept, "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenWire, slices.Concat(data, []byte("\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return kept
}
