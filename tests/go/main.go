// A participant on LiveKit's Go SDK, driven by the tests over stdin and stdout.
//
//	participant URL TOKEN [-publish FOLDER]
//
// With -publish it sends the clip of FOLDER (clip.ivf with VP8, clip.ogg with Opus) over and over, as camera and microphone. It always
// receives what others publish.
//
// Each line of stdin is a command: "reliable TEXT" and "lossy TEXT" send data to everybody, the end of the input leaves the room.
// Each line of stdout is an event, a JSON object: see [event]. tests/livekit/participant.py does the same on the Python SDK.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// event is one line of output. Kind says which of the other fields it has.
type event struct {
	// "joined", "received", "data", "left" (somebody else), "reconnecting", "reconnected", "disconnected".
	Kind string `json:"event"`
	// The other participant that the event is about.
	Identity string `json:"identity,omitempty"`
	// Of "received": what came of a track so far. Cumulative since the track was subscribed.
	*counts
	// Of "data".
	Text string `json:"text,omitempty"`
	// Of "disconnected".
	Reason string `json:"reason,omitempty"`
}

var output sync.Mutex

func emit(e event) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(line))
}

func callbacks() *lksdk.RoomCallback {
	return &lksdk.RoomCallback{
		OnReconnecting: func() { emit(event{Kind: "reconnecting"}) },
		OnReconnected:  func() { emit(event{Kind: "reconnected"}) },
		OnDisconnectedWithReason: func(reason lksdk.DisconnectionReason) {
			emit(event{Kind: "disconnected", Reason: string(reason)})
		},
		OnParticipantDisconnected: func(other *lksdk.RemoteParticipant) {
			emit(event{Kind: "left", Identity: other.Identity()})
		},
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				go receive(track, from)
			},
			OnDataPacket: func(packet lksdk.DataPacket, from lksdk.DataReceiveParams) {
				if data, ok := packet.(*lksdk.UserDataPacket); ok {
					emit(event{Kind: "data", Identity: from.SenderIdentity, Text: string(data.Payload)})
				}
			},
		},
	}
}

// obey runs the commands of stdin until its end.
func obey(room *lksdk.Room) error {
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		how, text, _ := strings.Cut(commands.Text(), " ")
		if how != "reliable" && how != "lossy" {
			return fmt.Errorf("unknown command %q", how)
		}
		err := room.LocalParticipant.PublishDataPacket(lksdk.UserData([]byte(text)),
			lksdk.WithDataPublishReliable(how == "reliable"))
		if err != nil {
			return fmt.Errorf("sending data: %w", err)
		}
	}
	return commands.Err()
}

func run(arguments []string) error {
	if len(arguments) != 2 && (len(arguments) != 4 || arguments[2] != "-publish") {
		return fmt.Errorf("usage: participant URL TOKEN [-publish FOLDER]")
	}
	room, err := lksdk.ConnectToRoomWithToken(arguments[0], arguments[1], callbacks())
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	defer room.Disconnect()
	emit(event{Kind: "joined"})
	if len(arguments) == 4 {
		if err := publish(room, arguments[3]); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return obey(room)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
