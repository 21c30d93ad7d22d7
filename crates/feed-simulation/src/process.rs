//! A process whose threads can be stopped at any point, and killed.

use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Runs tasks until it is killed, and none of them while it is paused.
#[derive(Default)]
pub struct Process {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_paused: bool,
    is_dead: bool,
    waiting: Vec<Waker>,
    tasks: Vec<AbortHandle>,
}

impl Process {
    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state.lock();
        if state.is_dead {
            return;
        }
        if state.tasks.len() > 64 {
            state.tasks.retain(|task| !task.is_finished());
        }
        let task = Scheduled { process: self.clone(), task: Box::pin(task) };
        state.tasks.push(tokio::spawn(task).abort_handle());
    }

    /// `None`: it was killed meanwhile.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        self.spawn(async move {
            let _ = done.send(task.await);
        });
        outcome.await.ok()
    }

    pub fn pause(&self) {
        self.state.lock().is_paused = true;
    }

    pub fn resume(&self) {
        let mut state = self.state.lock();
        state.is_paused = false;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub fn kill(&self) {
        let mut state = self.state.lock();
        state.is_dead = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        tasks.iter().for_each(AbortHandle::abort);
    }

    pub fn is_dead(&self) -> bool {
        self.state.lock().is_dead
    }
}

struct Scheduled {
    process: Arc<Process>,
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Scheduled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.process.state.lock();
        if state.is_dead {
            return Poll::Ready(());
        }
        if state.is_paused {
            state.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.task.as_mut().poll(context)
    }
}
