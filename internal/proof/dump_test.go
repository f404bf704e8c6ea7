package proof
import ("testing";"os";"fmt";"github.com/optc-lang/optc/internal/oracle";"github.com/optc-lang/optc/compiler";"github.com/optc-lang/optc/stdlib")
func TestDump(t *testing.T){
 cs,err:=oracle.Cases(os.DirFS("../../testdata/oracle")); if err!=nil{t.Fatal(err)}
 for _,c:=range cs{ fmt.Println(c.Name,"|",c.Rule,"|",c.Reference,"|",c.Hypers,c.Options,c.States,c.Scalars,len(c.Steps),c.Problem,len(c.Tensors))}
 u,ds:=compiler.Library(stdlib.FS); fmt.Println(ds)
 for _,n:=range u.Rules(){ r,ds,err:=compiler.Compile(u,n,compiler.Settings{}); if err!=nil||r==nil{fmt.Println(n,ds,err);continue}
  fmt.Print(n," hypers:"); for _,h:=range r.Checked.Hypers{fmt.Print(h.Name,"=",h.Default," ")}; fmt.Print(" states:"); for _,s:=range r.Checked.States{fmt.Print(s.Name,":",s.Extent,"=",s.Init," ")}; fmt.Println()}
}
