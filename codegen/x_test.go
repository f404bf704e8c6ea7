package codegen_test
import ("testing";"os";"strings";"fmt";"os/exec")
func TestX(t *testing.T){ m:=open(t); for _,p:=range m.packages { if p.name==os.Getenv("PKG") { for _,f:=range p.files{ os.WriteFile("/tmp/x/"+f.Name,f.Data,0o644)}; os.WriteFile("/tmp/x/text.opt",[]byte(p.cases[0].Text),0o644)
 for i,r:=range p.rules { if os.Getenv("RULE")==r.Name { os.WriteFile("/tmp/x/rule.opt",[]byte(p.cases[i].Text),0o644); var b strings.Builder; for _,d:=range r.Dumps{ fmt.Fprintf(&b,"== %s\n%s\n",d.Pass,d.Text)}; os.WriteFile("/tmp/x/dump.txt",[]byte(b.String()),0o644)}} } } 
 if os.Getenv("KEEP")!="" { exec.Command("cp",m.build(t,""),"/tmp/x/program").Run() } }
