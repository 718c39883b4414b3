// Command tfsclient sends what OpenVINO Model Server's Go and C++ image classification demos send, byte for byte the same messages:
// model_spec with a version that is present and 0 (the Go one) or none (the C++ one, -no-version), signature "serving_default",
// tensor_content or string_val, no deadline; and it reads only tensor_content from the reply, as they do.
//
//	tfsclient [-no-version] HOST:PORT MODEL numeric|image [FILE]
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

// raw passes messages as bytes: the demos' messages are four fields deep, so they are written and read by hand here.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

func field(out []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(out, number, protowire.BytesType), value)
}

func varint(out []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(out, number, protowire.VarintType), value)
}

func shape(sizes ...uint64) []byte {
	var out []byte
	for _, size := range sizes {
		out = field(out, 2, varint(nil, 1, size))
	}
	return out
}

func request(model string, tensor []byte, hasVersion bool) []byte {
	spec := field(nil, 1, []byte(model))
	if hasVersion {
		spec = field(spec, 2, varint(nil, 1, 0))
	}
	spec = field(spec, 3, []byte("serving_default"))
	entry := field(field(nil, 1, []byte("input_name")), 2, tensor)
	return field(field(nil, 1, spec), 2, entry)
}

func numeric() []byte {
	var content []byte
	for i := 1; i <= 10; i++ {
		content = binary.LittleEndian.AppendUint64(content, math.Float64bits(float64(i)))
	}
	tensor := varint(nil, 1, 2)
	tensor = field(tensor, 2, shape(1, 10))
	return field(tensor, 4, content)
}

func image(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tensor := varint(nil, 1, 7)
	tensor = field(tensor, 2, shape(1))
	return field(tensor, 8, data), nil
}

// find gives the first field of that number in a message.
func find(message []byte, number protowire.Number) ([]byte, error) {
	for len(message) > 0 {
		got, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		message = message[n:]
		if got == number && kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return nil, protowire.ParseError(n)
			}
			return value, nil
		}
		n = protowire.ConsumeFieldValue(got, kind, message)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		message = message[n:]
	}
	return nil, fmt.Errorf("field %d is missing", number)
}

func run() error {
	noVersion := flag.Bool("no-version", false, "")
	flag.Parse()
	args := flag.Args()
	if len(args) < 3 {
		return fmt.Errorf("usage: tfsclient [-no-version] HOST:PORT MODEL numeric|image [FILE]")
	}
	tensor := numeric()
	if args[2] == "image" {
		var err error
		if tensor, err = image(args[3]); err != nil {
			return err
		}
	}
	connection, err := grpc.NewClient(args[0],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		return err
	}
	defer connection.Close()
	in, out := request(args[1], tensor, !*noVersion), []byte(nil)
	if err := connection.Invoke(context.Background(), "/tensorflow.serving.PredictionService/Predict", &in, &out); err != nil {
		return err
	}
	entry, err := find(out, 1)
	if err != nil {
		return err
	}
	name, err := find(entry, 1)
	if err != nil {
		return err
	}
	result, err := find(entry, 2)
	if err != nil {
		return err
	}
	content, err := find(result, 4)
	if err != nil {
		return fmt.Errorf("tensor_content: %w", err)
	}
	values := []float64{}
	if args[2] == "numeric" {
		for i := 0; i+8 <= len(content); i += 8 {
			values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(content[i:])))
		}
	} else {
		for i := 0; i+4 <= len(content); i += 4 {
			values = append(values, float64(math.Float32frombits(binary.LittleEndian.Uint32(content[i:]))))
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"output": string(name), "values": values})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
