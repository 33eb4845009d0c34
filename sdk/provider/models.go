package provider

// ModelList is the canonical answer of "models".
type ModelList struct {
	Object string  `json:"object"`
	Data   []Model `json:"data"`
	Extra  Extra   `json:"-"`

	// Meta is what the provider reports beside the body.
	Meta Meta `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (l *ModelList) UnmarshalJSON(data []byte) error {
	type plain ModelList
	return decodeOpen(data, (*plain)(l), &l.Extra)
}

// MarshalJSON writes the fields and Extra.
func (l ModelList) MarshalJSON() ([]byte, error) {
	if l.Object == "" {
		l.Object = "list"
	}
	if l.Data == nil {
		l.Data = []Model{}
	}
	type plain ModelList
	return encodeOpen(plain(l), l.Extra)
}

// Model is one model that an endpoint can use.
type Model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	Extra   Extra  `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (m *Model) UnmarshalJSON(data []byte) error {
	type plain Model
	return decodeOpen(data, (*plain)(m), &m.Extra)
}

// MarshalJSON writes the fields and Extra.
func (m Model) MarshalJSON() ([]byte, error) {
	if m.Object == "" {
		m.Object = "model"
	}
	type plain Model
	return encodeOpen(plain(m), m.Extra)
}
