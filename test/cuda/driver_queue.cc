#include "driver_queue.h"

#include <utility>

namespace nnc_emulation {

Result Graph::Run() const {
  std::vector<bool> done(nodes.size(), false);
  for (size_t count = 0; count < nodes.size(); ++count) {
    size_t next = nodes.size();
    for (size_t i = nodes.size(); i-- > 0 && next == nodes.size();) {
      bool is_ready = !done[i];
      for (const size_t before : nodes[i].after) is_ready = is_ready && done[before];
      if (is_ready) next = i;
    }
    const Result result = nodes[next].action();
    if (result != kSuccess) return result;
    done[next] = true;
  }
  return kSuccess;
}

std::set<size_t> Graph::Ancestors(const std::set<size_t> &of) const {
  std::set<size_t> found = of;
  for (size_t i = nodes.size(); i-- > 0;) {
    if (found.count(i) > 0) found.insert(nodes[i].after.begin(), nodes[i].after.end());
  }
  return found;
}

Result Stream::Enqueue(Action action) {
  if (is_capturing()) {
    if (capture_->is_invalid) return kCaptureInvalidated;
    capture_->graph.nodes.push_back({std::move(action), tail_});
    tail_ = {capture_->graph.nodes.size() - 1};
    return kSuccess;
  }
  entries_.push_back({std::move(action), nullptr, 0});
  ++enqueued_;
  return kSuccess;
}

Result Stream::Record(Event *event) {
  const bool is_captured = is_capturing();
  if (is_captured && capture_->is_invalid) return kCaptureInvalidated;
  event->stream = shared_from_this();
  event->position = enqueued_;
  event->capture = is_captured ? capture_ : nullptr;
  event->nodes = tail_;
  return kSuccess;
}

Result Stream::Wait(const Event &event) {
  if (event.capture == nullptr) {
    if (is_capturing()) {
      capture_->is_invalid = true;
      return kCaptureIsolation;
    }
    // Of an event that was never recorded there is nothing to wait for.
    if (event.stream == nullptr) return kSuccess;
    entries_.push_back({nullptr, event.stream, event.position});
    ++enqueued_;
    return kSuccess;
  }
  if (event.capture->has_ended) return kCapturedEvent;
  if (is_capturing() && capture_ != event.capture) return kCaptureIsolation;
  if (!is_capturing()) tail_.clear();
  capture_ = event.capture;
  tail_.insert(event.nodes.begin(), event.nodes.end());
  return capture_->is_invalid ? kCaptureInvalidated : kSuccess;
}

Result Stream::BeginCapture(const void *thread) {
  if (is_capturing()) return kInvalidValue;
  capture_ = std::make_shared<Capture>();
  capture_->origin = this;
  capture_->thread = thread;
  tail_.clear();
  return kSuccess;
}

Result Stream::EndCapture(const void *thread, std::shared_ptr<Graph> *graph) {
  if (!is_capturing()) return kInvalidValue;
  if (capture_->origin != this) return kCaptureUnmatched;
  if (capture_->thread != thread) return kCaptureWrongThread;
  const std::shared_ptr<Capture> capture = capture_;
  capture->has_ended = true;
  if (capture->is_invalid) return kCaptureInvalidated;
  const Graph &captured = capture->graph;
  if (captured.Ancestors(tail_).size() != captured.nodes.size()) return kCaptureUnjoined;
  *graph = std::make_shared<Graph>(captured);
  return kSuccess;
}

void Stream::RunTo(uint64_t position) {
  while (done_ < position) {
    const Entry entry = std::move(entries_.front());
    entries_.pop_front();
    if (entry.other != nullptr) {
      entry.other->RunTo(entry.position);
    } else if (*fault_ == kSuccess) {
      *fault_ = entry.action();
    }
    ++done_;
  }
}

}  // namespace nnc_emulation
