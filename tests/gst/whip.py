"""Publishes a test picture and a tone by WHIP with GStreamer's webrtcbin.

Prints "connected" once the peer connection is up. Ends with a DELETE on SIGTERM, mutes and unmutes on SIGUSR1. The bearer token comes from WHIP_TOKEN.
"""

import argparse
import os
import re
import signal
import sys
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
webrtcbin name=peer bundle-policy=max-bundle latency=0
videotestsrc name=camera is-live=true {picture} ! video/x-raw,width={width},height={height},framerate=30/1
  ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=800
  ! queue min-threshold-time={late} max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency mtu=1200
  ! application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000 ! peer.
audiotestsrc name=microphone is-live=true wave={wave} freq={tone} volume=0.3 ! audio/x-raw,rate=48000,channels=2
  ! valve name=mute drop-mode=transform-to-gap ! audioconvert ! opusenc
  ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000 ! peer.
"""
BLACK, WHITE = 0xFF000000, 0xFFFFFFFF


def request(method, url, token, body=None):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    call = urllib.request.Request(url, data=body, method=method, headers=headers)
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=10)


class Publisher:
    def __init__(self, options, token, loop):
        self.options, self.token, self.loop, self.session = options, token, loop, None
        width, height = options.size.split("x")
        text = PIPELINE.format(
            picture="pattern=solid-color" if options.flash else f"pattern={options.pattern}",
            wave="ticks samplesperbuffer=480" if options.flash else "sine",
            tone=options.tone,
            width=width,
            height=height,
            late=options.picture_late * Gst.MSECOND,
        )
        self.pipeline = Gst.parse_launch(text)
        if options.flash:
            self.camera = self.pipeline.get_by_name("camera")
            self.camera.set_property("foreground-color", WHITE)
            self.camera.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.on_frame)
            # It ticks a block of samples early.
            self.pipeline.get_by_name("microphone").get_static_pad("src").set_offset(10 * Gst.MSECOND)
        self.peer = self.pipeline.get_by_name("peer")
        # libnice leaves the loopback interface out unless it is told of it.
        self.ice = self.peer.get_property("ice-agent")
        self.ice.emit("add-local-ip-address", "127.0.0.1")
        for at in range(2):
            transceiver = self.peer.emit("get-transceiver", at)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            transceiver.set_property("do-nack", True)
        self.peer.connect("on-negotiation-needed", self.on_negotiation_needed)
        self.peer.connect("notify::connection-state", self.on_connection_state)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        bus.connect("message::latency", lambda *_: self.pipeline.recalculate_latency())

    def on_frame(self, _, info):
        # The colour set now is the next frame's, whose time is rounded down.
        buffer = info.get_buffer()
        into = (buffer.pts + buffer.duration + Gst.USECOND) % Gst.SECOND
        self.camera.set_property("foreground-color", WHITE if into < Gst.SECOND // 10 else BLACK)
        return Gst.PadProbeReturn.OK

    def toggle_mute(self):
        mute = self.pipeline.get_by_name("mute")
        mute.set_property("drop", not mute.get_property("drop"))
        return GLib.SOURCE_CONTINUE

    def start(self):
        self.pipeline.set_state(Gst.State.PLAYING)

    def stop(self):
        if self.session:
            try:
                request("DELETE", self.session, self.token)
            except OSError as error:
                print("DELETE:", error, flush=True)
        self.pipeline.set_state(Gst.State.NULL)

    def on_negotiation_needed(self, peer):
        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))

    def on_offer(self, promise):
        # The offer is a part of the reply, which must outlive it.
        promise.wait()
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.peer.emit("set-local-description", offer, Gst.Promise.new())
        # Off GStreamer's thread: the request blocks.
        GLib.idle_add(self.exchange, offer.sdp.as_text())

    def exchange(self, text):
        try:
            reply = request("POST", self.options.whip, self.token, text.encode())
        except OSError as error:
            print("POST:", error, getattr(error, "read", lambda: b"")(), flush=True)
            self.loop.quit()
            return GLib.SOURCE_REMOVE
        self.session = urllib.parse.urljoin(self.options.whip, reply.headers["Location"])
        answer = reply.read().decode()
        if self.options.via_port:
            answer = re.sub(r"(a=candidate:\S+ \d+ udp \d+ \S+) \d+", rf"\1 {self.options.via_port}", answer, flags=re.I)
        status, message = GstSdp.SDPMessage.new_from_text(answer)
        if status != GstSdp.SDPResult.OK:
            print("the answer is not SDP:", answer, flush=True)
            self.loop.quit()
            return GLib.SOURCE_REMOVE
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.peer.emit("set-remote-description", description, Gst.Promise.new_with_change_func(self.on_answered))
        return GLib.SOURCE_REMOVE

    def on_answered(self, promise):
        promise.wait()
        reply = promise.get_reply()
        if reply is not None and reply.has_field("error"):
            print("the answer is refused:", reply.get_value("error").message, flush=True)
            self.loop.quit()

    def on_connection_state(self, peer, _):
        state = peer.get_property("connection-state")
        print(state.value_nick, flush=True)
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            # Linked after the last time: without the latency there is no running time in sender reports.
            self.pipeline.recalculate_latency()
        if state == GstWebRTC.WebRTCPeerConnectionState.FAILED:
            self.loop.quit()

    def on_error(self, _, message):
        print("error:", *message.parse_error(), flush=True)
        self.loop.quit()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whip", required=True)
    parser.add_argument("--pattern", default="ball")
    parser.add_argument("--tone", type=int, default=440)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--via-port", type=int)
    parser.add_argument("--flash", action="store_true", help="flash and tick once a second instead of picture and tone")
    parser.add_argument("--picture-late", type=int, default=0, metavar="MS", help="hold the picture back, not the sound")
    options = parser.parse_args()
    Gst.init(None)
    loop = GLib.MainLoop()
    publisher = Publisher(options, os.environ.get("WHIP_TOKEN", ""), loop)
    stopped = []
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, lambda: (stopped.append(True), loop.quit()))
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, publisher.toggle_mute)
    publisher.start()
    loop.run()
    publisher.stop()
    sys.exit(0 if stopped else 1)


main()
