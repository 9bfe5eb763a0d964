//! x
use devcluster::*;
#[tokio::main]
async fn run(guard: Guard) -> anyhow::Result<()> {
    let t = std::time::Instant::now();
    let c = Cluster::start(Options { audit: Audit::On, keep: Keep::Yes, progress: Progress::new(move |e| { let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{:.2} {e}\n", t.elapsed().as_secs_f32())); }), ..Default::default() }, &guard).await?;
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("export KUBECONFIG={}\n", c.kubeconfig().display()));
    tokio::signal::ctrl_c().await?;
    Ok(())
}
fn main() -> anyhow::Result<()> { run(guardian::claim()) }
