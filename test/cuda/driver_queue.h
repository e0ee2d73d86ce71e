// Work of the emulated device: streams, events, and graphs captured from them. Work is done as late as CUDA allows: when
// something waits for it, and then no more than that takes. So a wait that is missing shows.

#ifndef NNC_TEST_CUDA_DRIVER_QUEUE_H_
#define NNC_TEST_CUDA_DRIVER_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace nnc_emulation {

// Values of CUresult.
enum Result {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kInvalidHandle = 400,
  kNotFound = 500,
  kIllegalAddress = 700,
  kLaunchFailed = 719,
  kCooperativeLaunchTooLarge = 720,
  kNotSupported = 801,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kCaptureUnmatched = 903,
  kCaptureUnjoined = 904,
  kCaptureIsolation = 905,
  kCapturedEvent = 907,
  kCaptureWrongThread = 908,
};

using Action = std::function<Result()>;

struct Graph {
  struct Node {
    Action action;
    // Positions of earlier nodes.
    std::set<size_t> after;
  };
  std::vector<Node> nodes;

  // In an order that dependencies allow: what comes last in the capture comes first.
  Result Run() const;
  std::set<size_t> Ancestors(const std::set<size_t> &of) const;
};

class Stream;

struct Capture {
  Graph graph;
  Stream *origin;
  // Of the thread that began it.
  const void *thread;
  bool is_invalid = false;
  bool has_ended = false;
};

struct Event {
  std::shared_ptr<Stream> stream;
  uint64_t position = 0;
  // What it stands for within a capture.
  std::shared_ptr<Capture> capture;
  std::set<size_t> nodes;
};

// `fault` is what has gone wrong in the stream's context: nothing is done any more then.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(Result *fault) : fault_(fault) {}

  // Within a capture the action becomes a node of its graph.
  Result Enqueue(Action action);
  Result Record(Event *event);
  Result Wait(const Event &event);

  Result BeginCapture(const void *thread);
  Result EndCapture(const void *thread, std::shared_ptr<Graph> *graph);
  // Streams that have joined a capture leave it when it ends.
  bool is_capturing() const { return capture_ != nullptr && !capture_->has_ended; }
  void InvalidateCapture() { capture_->is_invalid = true; }

  // Does the work until so many actions of it are done, or all of it.
  void RunTo(uint64_t position);
  void RunAll() { RunTo(enqueued_); }

 private:
  struct Entry {
    Action action;
    // Or a wait for another stream.
    std::shared_ptr<Stream> other;
    uint64_t position = 0;
  };

  Result *fault_;
  std::deque<Entry> entries_;
  uint64_t enqueued_ = 0;
  uint64_t done_ = 0;
  // The one that it takes part in, or the last one that it took part in.
  std::shared_ptr<Capture> capture_;
  // What the next node comes after.
  std::set<size_t> tail_;
};

}  // namespace nnc_emulation

#endif  // NNC_TEST_CUDA_DRIVER_QUEUE_H_
